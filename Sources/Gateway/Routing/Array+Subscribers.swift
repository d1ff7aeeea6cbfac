/// Subscribers to one filter, one for each session, in the sessions' order: found by halving, and
/// what is found under several filters is merged without sorting.
extension [Subscriber] {
    /// Where the session's subscription is, or would be.
    func position(of session: SessionAddress) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].session < session { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && self[low].session == session)
    }

    /// Puts the subscription in, in place of the session's earlier one; whether there was none.
    mutating func insertInOrder(_ subscriber: Subscriber) -> Bool {
        let (index, isThere) = position(of: subscriber.session)
        if isThere { self[index] = subscriber } else { insert(subscriber, at: index) }
        return !isThere
    }

    /// Takes the session's subscription out; whether there was one.
    mutating func removeInOrder(_ session: SessionAddress) -> Bool {
        let (index, isThere) = position(of: session)
        if isThere { remove(at: index) }
        return isThere
    }
}
