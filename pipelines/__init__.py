"""When things run: the code location, its jobs, schedules and sensors."""
