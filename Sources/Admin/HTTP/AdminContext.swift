import Hummingbird

/// What goes along with a request on its way through the router.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    /// Where the request came from: the client's IP address, or its proxy's.
    let address: String?

    init(source: ApplicationRequestContextSource) {
        address = source.channel.remoteAddress?.ipAddress
        coreContext = CoreRequestContextStorage(source: source)
    }
}
