"""What runs, when and in what order: the only room that knows Prefect, and the door to FastF1."""
