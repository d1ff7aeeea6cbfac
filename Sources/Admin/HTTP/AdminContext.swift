import Hummingbird

/// What goes along with a request on its way through the router.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    /// Who asks; `nil` until the token was checked.
    var principal: Principal?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}
