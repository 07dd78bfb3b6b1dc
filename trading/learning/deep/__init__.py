"""Neural networks and reinforcement learning: challengers that must earn their place like any other model.

Only here may the extra `ai` (JAX, optax, safetensors) be imported: safetensors inside functions, JAX at the
top of modules that train (`fitting`, `ppo`), which are imported inside functions. What was trained is asked
by numpy alone, through the very functions that were trained (`networks`).
"""
