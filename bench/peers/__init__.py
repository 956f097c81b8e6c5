"""The peers of the server: other ways to run a function for a request, and the floor below all of them."""
