"""What a recording holds, and whether its labels fit its images."""
