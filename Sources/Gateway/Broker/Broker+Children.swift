import Bytes
import Cryptography
import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage

// Devices behind a device: what their parent wants of them on its `sys/children` topics. `Broker+ChildTraffic` has what it
// publishes for them, `Children/ChildLinks` how a child is connected.
extension Broker {
    // MARK: Requests

    /// A PUBLISH of a device's to `sys/children/...`. A request that can be read is acknowledged, and answered on one of
    /// these topics.
    mutating func serveChildren(
        _ slot: UInt32, _ publish: borrowing Publish, _ use: ChildrenTopicUse,
        in context: inout ShardContext
    ) -> PublishVerdict {
        // A child has no children: its parent speaks for it alone.
        guard context.wire[slot].parent == nil else { return .refused(.topicNotAllowed) }
        if case .question = use {
            return tellChildren(slot, in: &context)
        }
        guard let request = ChildRequest(publish.payload) else {
            return refuseRequest(slot, "", in: &context)
        }
        switch use {
        case .attach: return attach(slot, request, in: &context)
        case .detach: return detach(slot, request, in: &context)
        case .question: return .taken
        }
    }

    private mutating func refuseRequest(
        _ slot: UInt32, _ request: String, in context: inout ShardContext
    ) -> PublishVerdict {
        reject(slot, request, nil, .childRequestMalformed, in: &context)
        return .refused(.childRequestMalformed)
    }

    private mutating func attach(
        _ slot: UInt32, _ request: ChildRequest, in context: inout ShardContext
    ) -> PublishVerdict {
        let listener = context.commons.listeners[context.wire[slot].listener]
        let claim = Claim.read(
            userName: request.userName?.span, clientID: request.clientID.span,
            password: request.password?.span, isEncrypted: listener.isEncrypted)
        switch claim {
        case .failure(let reason): reject(slot, request.id, nil, reason, in: &context)
        case .success(.device(let child, let credential)):
            guard !credential.isRegistration, !context.wire[slot].settings.client.hasName(of: child)
            else { return refuseRequest(slot, request.id, in: &context) }
            if let reason = refusal(of: child, slot, request, in: &context) {
                reject(slot, request.id, child, reason, in: &context)
            }
        case .success(.application), .success(.anonymous):
            return refuseRequest(slot, request.id, in: &context)
        }
        return .taken
    }

    /// Begins to attach a child, unless something is in the way: why not.
    private mutating func refusal(
        of child: DeviceIdentity, _ slot: UInt32, _ request: ChildRequest,
        in context: inout ShardContext
    ) -> Reason? {
        guard let parent = context.wire.token(of: slot),
            case .device(let device) = context.wire[slot].settings.client
        else { return .topicNotAllowed }
        let prefix = child.topicPrefix
        let packet = connect(request, of: slot, in: &context)
        let known = context.children.link(of: prefix.span, parent: parent)
        if let known, context.children[known.slot].connectDigest == SHA256.hash(packet.span) {
            return attachAgain(known, request, in: &context)
        }
        // One that is attached anew has two links until the earlier one has gone.
        let links = context.wire[slot].children.count + (known == nil ? 1 : 0)
        guard links <= ChildLinks.maximumPerParent else { return .tooManyChildren }
        let peer = context.wire[slot].peer
        if let reason = context.wire.refusal(of: peer.address, at: context.now) { return reason }
        let source = context.wire.source(ofSlot: slot)
        guard !context.wire.isFull, context.wire.takesNewcomer(of: source, at: context.now) else {
            return .serverBusy
        }
        do throws(StoreError) {
            let identity = device.identity
            guard let product = try context.books.product(identity.product) else {
                return .badCredentials
            }
            let origin = ParentDevice(identity: identity, account: product.account)
            let link = (prefix: prefix, request: request.id)
            if let reason = open(link, of: parent, origin, packet, in: &context) { return reason }
        } catch {
            context.wire.journal.noteStoreFailure(.admission, error)
            return .ledgerUnavailable
        }
        if let known { replace(known, in: &context) }
        return nil
    }

    /// A child was attached anew: its earlier link goes.
    private mutating func replace(_ link: Token, in context: inout ShardContext) {
        rejectRequests(of: link, .sessionTakenOver, in: &context)
        // Its CONNECT was not sent yet, and must not come behind the other one's.
        let isUnsent =
            context.children[link.slot].phase == .connecting
            && context.children[link.slot].isFlushListed
        if isUnsent { return context.dropLink(link) }
        context.children[link.slot].isReplaced = true
        leave(link, in: &context)
    }

    /// The child's CONNECT, of what its parent has brought. What comes for the child goes to the parent's client, so that
    /// one's limits are the child's.
    private func connect(
        _ request: ChildRequest, of slot: UInt32, in context: inout ShardContext
    ) -> ByteBuffer {
        let receiveMaximum = context.wire[slot].settings.receiveMaximum
        var packetBytes = context.wire[slot].settings.maximumPacketSize
        packetBytes = max(packetBytes, ChildLink.packetBytesMinimum)
        let expiry = request.sessionExpirySeconds
        var packet = ByteBuffer()
        Connect.encode(
            clientID: request.clientID.span, isCleanStart: expiry == nil,
            userName: request.userName?.span, password: request.password?.span, version: .v5,
            into: &packet
        ) { properties in
            if let expiry { properties.sessionExpiryInterval(seconds: expiry) }
            properties.receiveMaximum(receiveMaximum)
            if packetBytes < .max { properties.maximumPacketSize(packetBytes) }
        }
        return packet
    }

    /// The same child once more on one connection, by the same credentials: what comes of the first request is the answer to
    /// each. Why not.
    private mutating func attachAgain(
        _ link: Token, _ request: ChildRequest, in context: inout ShardContext
    ) -> Reason? {
        guard context.children[link.slot].requests.count < ChildLink.requestMaximum else {
            return .messageRateExceeded
        }
        context.children[link.slot].requests.append(request.id)
        switch context.children[link.slot].phase {
        case .attached: tellAttached(link, in: &context)
        case .connecting, .subscribing, .detaching: break
        }
        return nil
    }

    /// Makes the child's connection, and sends its CONNECT; why not.
    private mutating func open(
        _ link: (prefix: [UInt8], request: String), of parent: Token, _ origin: ParentDevice,
        _ packet: borrowing ByteBuffer, in context: inout ShardContext
    ) -> Reason? {
        guard !context.lacksDescriptors(forChild: true) else { return .noDescriptorLeft }
        let ends: (Int32, Int32)
        do throws(Errno) {
            ends = try SocketHandle.pair(bufferBytes: ChildLinks.bufferBytes)
        } catch {
            return .noDescriptorLeft
        }
        let own = Descriptor(adopting: ends.0)
        var connection = Connection(
            descriptor: Descriptor(adopting: ends.1),
            listener: context.wire[parent.slot].listener,
            peer: context.wire[parent.slot].peer,
            tls: nil,
            at: context.now
        )
        connection.parent = origin
        let number = own.rawValue
        let made = ChildLink(
            descriptor: own, parent: parent, prefix: link.prefix, request: link.request,
            connect: packet.span)
        guard let token = context.children.insert(made) else { return .serverBusy }
        let userData = Token.reserved(ChildLinks.firstNumber + token.slot).rawValue
        do throws(Errno) {
            try context.wire.epoll.add(number, interest: .read, userData: userData)
        } catch {
            context.children.remove(token)
            return .noDescriptorLeft
        }
        guard context.wire.adopt(connection, at: context.now) != nil else {
            context.children.remove(token)
            return .serverBusy
        }
        context.wire[parent.slot].children.append(token)
        context.children.flushLater(token)
        return nil
    }

    private mutating func detach(
        _ slot: UInt32, _ request: ChildRequest, in context: inout ShardContext
    ) -> PublishVerdict {
        guard let child = request.child, let parent = context.wire.token(of: slot) else {
            return refuseRequest(slot, request.id, in: &context)
        }
        let prefix = child.topicPrefix
        guard let link = context.children.link(of: prefix.span, parent: parent) else {
            reject(slot, request.id, child, .notConnected, in: &context)
            return .taken
        }
        rejectRequests(of: link, .disconnected, in: &context)
        context.children[link.slot].requests = [request.id]
        leave(link, in: &context)
        return .taken
    }

    /// Has the child's connection end. One that is not let in yet may send packets behind its CONNECT (3.1.4): it reads
    /// them when it has been, and what is kept of it then is that it has disconnected, not that its parent has gone.
    mutating func leave(_ link: Token, in context: inout ShardContext) {
        guard context.children[link.slot].phase != .detaching else { return }
        context.children[link.slot].phase = .detaching
        context.children.hide(link)
        Disconnect.encode(version: .v5, into: &context.children[link.slot].output)
        context.children.flushLater(link)
        context.leaveMessages(of: link)
    }

    // MARK: Answers

    /// Once in a second: a list of a thousand is long, and the question has a few bytes.
    private mutating func tellChildren(
        _ slot: UInt32, in context: inout ShardContext
    ) -> PublishVerdict {
        let tick = context.now.tick
        let pause = ShardTime.ticks(milliseconds: 1_000)
        if let told = context.wire[slot].childrenToldTick, tick < told + pause {
            return .refused(.messageRateExceeded)
        }
        context.wire[slot].childrenToldTick = tick
        var names: [String] = []
        for index in context.wire[slot].children.indices {
            let link = context.wire[slot].children[index]
            guard context.children[link.slot].phase == .attached else { continue }
            names.append("{\(context.children[link.slot].names)}")
        }
        let list = names.joined(separator: ",")
        notify(slot, "children", "{\"children\":[\(list)]}", in: &context)
        return .taken
    }

    /// Answers the requests to attach a child, which is attached.
    mutating func tellAttached(_ link: Token, in context: inout ShardContext) {
        answerRequests(of: link, "children/attached", "", in: &context)
    }

    /// Answers the requests that are under way for a child: something else has been asked for since.
    private mutating func rejectRequests(
        of link: Token, _ reason: Reason, in context: inout ShardContext
    ) {
        let words = "," + Self.words(of: reason)
        answerRequests(of: link, "children/rejected", words, in: &context)
    }

    /// Each with its own id, and the same words behind the child's names.
    private mutating func answerRequests(
        of link: Token, _ topic: String, _ words: String, in context: inout ShardContext
    ) {
        let parent = context.children[link.slot].parent
        let names = context.children[link.slot].names
        var requests: [String] = []
        swap(&requests, &context.children[link.slot].requests)
        for request in requests where context.wire.contains(parent) {
            let text = Self.call(request) + names + words
            notify(parent.slot, topic, "{\(text)}", in: &context)
        }
    }

    /// Why a request was not carried out.
    private mutating func reject(
        _ slot: UInt32, _ request: String, _ child: DeviceIdentity?, _ reason: Reason,
        in context: inout ShardContext
    ) {
        let names = child.map { "\"pk\":\"\($0.product)\",\"dk\":\"\($0.device)\"," } ?? ""
        let text = Self.call(request) + names + Self.words(of: reason)
        notify(slot, "children/rejected", "{\(text)}", in: &context)
    }

    static func call(_ request: String) -> String {
        request.isEmpty ? "" : "\"id\":\"\(request)\","
    }

    static func words(of reason: Reason) -> String {
        "\"reason\":\"\(reason.name)\",\"detail\":\"\(reason.text)\""
    }
}

extension Claim.Credential {
    /// Whether it asks for a secret, which is a CONNECT of its own.
    fileprivate var isRegistration: Bool {
        switch self {
        case .registration, .alibabaRegistration: true
        case .signature, .secret, .certificate, .alibaba, .accessToken, .plainSecret, .webToken,
            .preSharedKey:
            false
        }
    }
}
