"""What was decided and what came of it: the pool that teaches the models.

Frames of the order log in, one row per market decision out. How a model learns from it is the learning
room's matter.
"""
