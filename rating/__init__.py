"""From invoices and loan histories to grades, default probabilities and risk weights.

It knows nothing of rates, lines or budgets; what it hands over is one table (:mod:`ratings`).
"""
