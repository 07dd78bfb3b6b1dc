"""Is a good result evidence, or the best of many tries? Functions on returns, and two logs on disk.

Sharpe ratios deflated by the number of trials, overfitting, bootstrap, baselines, cost stress, splits in
time, holdouts that are spent once, the ledger of trials, budgets of error over nights. What is done with
the answers is the approval gate's matter. The references stand at each function; docs/explanation/
statistics.md says when to use which and what each of them cannot see.
"""
