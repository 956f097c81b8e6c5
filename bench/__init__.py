"""What is fast is measured here, against peers, in one run: `python -m bench` from the repository's root."""
