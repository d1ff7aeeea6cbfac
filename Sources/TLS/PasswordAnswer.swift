/// What the library is told when it asks for the password of a private key.
struct PasswordAnswer {
    var password: String?
    var wasAsked = false
}

/// pem_password_cb(3): the configured password, or none; never a prompt on the terminal.
func answerPassword(
    _ target: UnsafeMutablePointer<CChar>?,
    _ room: Int32,
    _ isForWriting: Int32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    // Safe: `loadKey` set the argument, and clears it before the answer goes away.
    guard let answer = unsafe argument?.assumingMemoryBound(to: PasswordAnswer.self),
        let target = unsafe target
    else { return -1 }
    unsafe answer.pointee.wasAsked = true
    guard let password = unsafe answer.pointee.password?.utf8, password.count <= room else {
        return -1
    }
    for (index, byte) in password.enumerated() {
        unsafe target[index] = CChar(bitPattern: byte)
    }
    return Int32(password.count)
}
