"""Models that earn their place: training sets, purged splits, evaluation, promotion or refusal.

scikit-learn, LightGBM and skops are imported inside functions only: they cost seconds. Nothing here
trades, and nothing is loaded by pickle or joblib.
"""
