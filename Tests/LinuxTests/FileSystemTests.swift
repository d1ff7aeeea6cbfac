import Linux
import TestFiles
import Testing

@Suite struct FileSystemTests {
    @Test("What is written is read, whole, replaced and not left half")
    func writeAndRead() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/state"
        let first = [UInt8](repeating: 1, count: 200_000)
        let second: [UInt8] = [2]
        try FileSystem.write(first.span, atomicallyTo: path, mode: 0o600)
        #expect(try FileSystem.read(path, maximumBytes: 200_000) == first)
        try FileSystem.write(second.span, atomicallyTo: path, mode: 0o600)
        #expect(try FileSystem.read(path, maximumBytes: 1) == second)
        try FileSystem.remove(path)
        try FileSystem.remove(path)
        #expect(throws: FileError(operation: "open", path: path, code: .noSuchFile)) {
            try FileSystem.read(path, maximumBytes: 1)
        }
        #expect(throws: FileError.self) { try FileSystem.read("\(path).new", maximumBytes: 1) }
    }

    @Test("A link takes the place of what is there; paths are resolved as far as they exist")
    func links() throws {
        let directory = try TemporaryDirectory()
        let root = FileSystem.resolved(directory.path)
        try FileSystem.createDirectory("\(root)/a/b", mode: 0o700)
        try FileSystem.write(Span(), atomicallyTo: "\(root)/link", mode: 0o600)
        #expect(FileSystem.linkTarget(of: "\(root)/link") == nil)
        for target in ["a", "a/b", "a/b"] {
            try FileSystem.link(target, atomicallyAt: "\(root)/link")
            #expect(FileSystem.linkTarget(of: "\(root)/link") == target)
        }
        #expect(FileSystem.resolved("\(root)/link/..//./b/") == "\(root)/a/b")
        #expect(FileSystem.resolved("\(root)/link/no/../no/./such/") == "\(root)/a/b/no/such")
        #expect(FileSystem.resolved("\(root)/link/new/er//") == "\(root)/a/b/new/er")
        #expect(FileSystem.resolved("/") == "/" && FileSystem.resolved("/no/such") == "/no/such")
        #expect(FileSystem.parent(of: "/a/b/") == "/a" && FileSystem.parent(of: "/a") == "/")
        #expect(FileSystem.parent(of: "a") == "." && FileSystem.parent(of: "a/b") == "a")
        try FileSystem.sync(directory: root)
        #expect(throws: FileError.self) {
            try FileSystem.link("a", atomicallyAt: "\(root)/no/link")
        }
    }

    @Test("A file over the limit is not read")
    func limit() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/large"
        let content = [UInt8](repeating: 1, count: 101)
        try FileSystem.write(content.span, atomicallyTo: path, mode: 0o600)
        #expect(throws: FileError(operation: "read", path: path, code: .fileTooLarge)) {
            try FileSystem.read(path, maximumBytes: 100)
        }
    }

    @Test("Directories are made with those above them; one that is there is no error, a file is")
    func directories() throws {
        let directory = try TemporaryDirectory()
        let root = directory.path
        try FileSystem.createDirectory("\(root)/a/b/c", mode: 0o700)
        try FileSystem.createDirectory("\(root)/a/b/c", mode: 0o700)
        try FileSystem.write(Span(), atomicallyTo: "\(root)/a/b/c/file", mode: 0o600)
        #expect(throws: FileError.self) {
            try FileSystem.createDirectory("\(root)/a/b/c/file", mode: 0o700)
        }
        #expect(throws: FileError.self) {
            try FileSystem.write(Span(), atomicallyTo: "\(root)/missing/file", mode: 0o600)
        }
        #expect(try FileSystem.freeBytes(at: root) > 0)
    }
}
