"""The inside: what makes the walls and starts runs behind them."""
