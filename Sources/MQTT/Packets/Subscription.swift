/// One topic filter of a SUBSCRIBE with its options.
@frozen
public struct Subscription: ~Escapable {
    public let filter: TopicFilter
    public let options: SubscriptionOptions

    @inlinable
    @_lifetime(copy filter)
    init(filter: TopicFilter, options: SubscriptionOptions) {
        self.filter = filter
        self.options = options
    }
}
