// The Linux module.
