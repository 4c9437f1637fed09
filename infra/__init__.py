"""WHAT IS DEPLOYED: one file per stage; a stack reads as the flow."""
