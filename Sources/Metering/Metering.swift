// The Metering module.
