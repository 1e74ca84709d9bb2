"""The grades of a session's data. Which one it gets, and why, ``transforms.quality`` says."""

#: The best first.
GRADES = ("A", "B", "C", "D", "F")
