"""What a set-top box or sensor reports of itself."""
