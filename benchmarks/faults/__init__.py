"""What faults do to our tools on the road, and to the same tools under plain retries."""
