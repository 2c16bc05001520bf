"""The mathematics: the measures and limits as one algebra, and one file a formulation."""
