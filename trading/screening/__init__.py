"""What is worth a closer look: rules with bounds, and funnels that keep every reason. No orders, no state."""
