import Glibc

/// The permission bits of a file.
func mode(of path: String) -> mode_t {
    var figures = stat()
    return unsafe stat(path, &figures) == 0 ? figures.st_mode & 0o777 : 0
}
