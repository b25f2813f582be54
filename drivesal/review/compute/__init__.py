"""What is computed for a review: frames, explanations, timelines."""
