"""From grade to risk weight: default probabilities, guarantees, third-party ratings."""
