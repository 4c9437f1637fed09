"""AWS ON ONE MACHINE: moto, plus what moto lacks."""
