/// Why the program ends without having done what it was asked.
struct Failure: Error {
    /// One line for standard error.
    let text: String

    /// 1: refused or failed; 2: asked wrongly.
    var code: Int32 = 1
}
