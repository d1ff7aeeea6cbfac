/// What became of the units of a device's message.
enum ChargeVerdict {
    /// They are counted.
    case counted

    /// Neither the allowance nor a top-up pack covers them (rule C3); the device has been told.
    case refused

    /// Units of that stock have been asked for: nothing is counted yet (rule C6).
    case waits(TopUpDesk.Slot)
}
