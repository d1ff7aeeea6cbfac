import Bytes
import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage

// Devices behind a device: what their parent wants of them on its `sys/children` topics, and what it publishes for them.
// `Children/ChildLinks` has how a child is connected.
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
            return refuseRequest(slot, in: &context)
        }
        switch use {
        case .attach: return attach(slot, request, in: &context)
        case .detach: return detach(slot, request, in: &context)
        case .question: return .taken
        }
    }

    private mutating func refuseRequest(
        _ slot: UInt32, in context: inout ShardContext
    ) -> PublishVerdict {
        reject(slot, "", nil, .childRequestMalformed, in: &context)
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
            else { return refuseRequest(slot, in: &context) }
            if let reason = refusal(of: child, slot, request, in: &context) {
                reject(slot, request.id, child, reason, in: &context)
            }
        case .success(.application), .success(.anonymous):
            return refuseRequest(slot, in: &context)
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
        if let known = context.children.link(of: prefix.span, parent: parent) {
            attachAgain(known, request, in: &context)
            return nil
        }
        guard context.wire[slot].children.count < ChildLinks.maximumPerParent else {
            return .tooManyChildren
        }
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
            return open(prefix, of: parent, origin, request, in: &context)
        } catch {
            context.wire.journal.noteStoreFailure(.admission, error)
            return .ledgerUnavailable
        }
    }

    /// The same child once more on one connection: what comes of the first request answers both.
    private mutating func attachAgain(
        _ link: Token, _ request: ChildRequest, in context: inout ShardContext
    ) {
        switch context.children[link.slot].phase {
        case .attached:
            context.children[link.slot].request = request.id
            tellAttached(link, in: &context)
        case .connecting, .subscribing, .detaching:
            context.children[link.slot].request = request.id
        }
    }

    /// Makes the child's connection, whose CONNECT is what the parent has brought.
    private mutating func open(
        _ prefix: [UInt8], of parent: Token, _ origin: ParentDevice, _ request: ChildRequest,
        in context: inout ShardContext
    ) -> Reason? {
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
        let link = ChildLink(
            descriptor: own, parent: parent, prefix: prefix, request: request.id)
        guard let token = context.children.insert(link) else { return .serverBusy }
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
        let expiry = request.sessionExpirySeconds
        Connect.encode(
            clientID: request.clientID.span, isCleanStart: expiry == nil,
            userName: request.userName?.span, password: request.password?.span, version: .v5,
            into: &context.children[token.slot].output
        ) { properties in
            if let expiry { properties.sessionExpiryInterval(seconds: expiry) }
        }
        context.children.flushLater(token)
        return nil
    }

    private mutating func detach(
        _ slot: UInt32, _ request: ChildRequest, in context: inout ShardContext
    ) -> PublishVerdict {
        guard let child = request.child, let parent = context.wire.token(of: slot) else {
            return refuseRequest(slot, in: &context)
        }
        let prefix = child.topicPrefix
        guard let link = context.children.link(of: prefix.span, parent: parent) else {
            reject(slot, request.id, child, .notConnected, in: &context)
            return .taken
        }
        context.children[link.slot].request = request.id
        switch context.children[link.slot].phase {
        case .detaching: break
        case .connecting:
            // It has not been let in: nothing but the end of the socket tells it.
            context.children[link.slot].ending = .disconnected
            endLink(link, in: &context)
        case .subscribing, .attached:
            context.children[link.slot].phase = .detaching
            context.children.hide(link)
            Disconnect.encode(version: .v5, into: &context.children[link.slot].output)
            context.children.flushLater(link)
        }
        return .taken
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

    private mutating func tellAttached(_ link: Token, in context: inout ShardContext) {
        let parent = context.children[link.slot].parent
        guard context.wire.contains(parent) else { return }
        let text =
            Self.call(context.children[link.slot].request) + context.children[link.slot].names
        notify(parent.slot, "children/attached", "{\(text)}", in: &context)
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

    private static func call(_ request: String) -> String {
        request.isEmpty ? "" : "\"id\":\"\(request)\","
    }

    private static func words(of reason: Reason) -> String {
        "\"reason\":\"\(reason.name)\",\"detail\":\"\(reason.text)\""
    }

    // MARK: For a child

    /// A message of a child's, which its parent publishes: it goes to the child's own connection. `nil` when the topic is
    /// of no child that is attached.
    @inline(never)
    mutating func relay(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        in context: inout ShardContext
    ) -> PublishVerdict? {
        guard let parent = context.wire.token(of: slot),
            let token = context.children.link(of: topic, parent: parent),
            context.children[token.slot].phase == .attached
        else { return nil }
        let link = token.slot
        let isFull =
            context.children[link].output.count > context.commons.limits.queueBytes
            || context.children[link].unanswered.count >= context.children[link].receiveMaximum
        if isFull { return overfull(slot, publish, in: &context) }
        let qos = min(publish.qos, .atLeastOnce)
        let packetID = publish.packetID
        Publish.encode(
            topic: topic, payload: publish.payload, qos: qos, packetID: packetID,
            isRetained: publish.isRetained,
            isDuplicate: publish.isDuplicate && qos == .atLeastOnce, version: .v5,
            into: &context.children[link].output
        ) { properties in
            properties.append(
                contentsOf: publish.properties, excluding: PropertySet(.topicAlias))
        }
        if let packetID { context.children[link].unanswered.append(packetID) }
        context.children.flushLater(token)
        return .relayed
    }

    /// A child's connection reads more slowly than is published for it. A parent of MQTT 3.1.1 can't be told.
    private mutating func overfull(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) -> PublishVerdict {
        guard publish.qos > .atMostOnce, context.wire[slot].settings.version == .v3_1_1 else {
            return .refused(.messageRateExceeded)
        }
        if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
        holdPublisher(slot, in: &context)
        return .held
    }

    /// There may be room for what a parent has been held with.
    mutating func mayServeHeldPublishers() {
        if !pace.publishers.isEmpty { pace.mayGoOn = true }
    }

    // MARK: From a child

    /// A link's socket is ready.
    mutating func serveLink(_ slot: UInt32, in context: inout ShardContext) {
        guard let token = context.children.token(ofSlot: slot) else { return }
        let wasFull = !context.children[slot].output.isEmpty
        context.flush(token)
        if wasFull, context.children[slot].output.isEmpty { mayServeHeldPublishers() }
        var arrived = ByteBuffer()
        swap(&arrived, &context.wire.inbound)
        defer { swap(&arrived, &context.wire.inbound) }
        arrived.removeAll()
        arrived.append(context.children[slot].input.span)
        context.children[slot].input.removeAll(keepingCapacity: false)
        let isOpen = context.read(slot, into: &arrived)
        let used = serve(token, arrived.span, in: &context)
        guard context.children.contains(token) else { return }
        guard isOpen, let used else { return endLink(token, in: &context) }
        let rest = arrived.span.extracting(used..<arrived.count)
        if !rest.isEmpty { context.children[slot].input.append(rest) }
    }

    /// Serves the whole packets at the front, and answers how many bytes those were; `nil` when one of them is none.
    private mutating func serve(
        _ token: Token, _ bytes: Span<UInt8>, in context: inout ShardContext
    ) -> Int? {
        var used = 0
        do throws(DecodingError) {
            while used < bytes.count, context.children.contains(token) {
                let rest = bytes.extracting(used..<bytes.count)
                guard
                    case .packet(let header, let headerLength, let length) =
                        try Framing.next(in: rest, maximumPacketSize: .max)
                else { break }
                try serve(
                    token, header, rest.extracting(headerLength..<length), in: &context)
                used += length
            }
        } catch {
            return nil
        }
        return used
    }

    private mutating func serve(
        _ token: Token, _ header: FixedHeader, _ body: Span<UInt8>,
        in context: inout ShardContext
    ) throws(DecodingError) {
        switch header.type {
        case .connack:
            connected(token, try Connack(decoding: body, version: .v5), in: &context)
        case .suback:
            guard context.children[token.slot].phase == .subscribing else { return }
            context.children[token.slot].phase = .attached
            tellAttached(token, in: &context)
        case .puback:
            answered(token, try Puback(decoding: body, version: .v5), in: &context)
        case .publish:
            let publish = try Publish(
                decoding: body, header: header, version: .v5, sender: .server)
            deliver(publish, of: token, in: &context)
        case .disconnect:
            let disconnect = try Disconnect(decoding: body, version: .v5, sender: .server)
            context.children[token.slot].ending = Reason(
                told: disconnect.reason, disconnect.properties.reasonString)
        case .connect, .pubrec, .pubrel, .pubcomp, .subscribe, .unsubscribe, .unsuback, .pingreq,
            .pingresp, .auth:
            break
        }
    }

    private mutating func connected(
        _ token: Token, _ connack: borrowing Connack, in context: inout ShardContext
    ) {
        let slot = token.slot
        guard connack.reason == .success else {
            context.children[slot].ending = Reason(
                told: connack.reason, connack.properties.reasonString)
            return endLink(token, in: &context)
        }
        context.children[slot].receiveMaximum = Int(connack.properties.receiveMaximum ?? .max)
        context.children[slot].phase = .subscribing
        let prefix = context.children[slot].prefix
        let filters = [prefix + Array("down/#".utf8), prefix + Array("sys/#".utf8)]
        Subscribe.encode(
            packetID: 1, version: .v5, into: &context.children[slot].output
        ) { writer in
            for filter in filters { writer.append(filter.span, qos: .atLeastOnce) }
        }
        context.children.flushLater(token)
    }

    /// What the child's connection has answered to a message that the parent has published for it, the parent is told.
    private mutating func answered(
        _ token: Token, _ puback: borrowing Puback, in context: inout ShardContext
    ) {
        let packetID = puback.packetID
        var verdict = PublishVerdict.taken
        if puback.reason.isFailure {
            verdict = .refused(Reason(told: puback.reason, puback.properties.reasonString))
        } else if puback.reason == .noMatchingSubscribers {
            verdict = .noSubscribers
        }
        context.children[token.slot].unanswered.removeAll { $0 == packetID }
        decided(context.children[token.slot].parent, packetID, verdict, in: &context)
    }

    private mutating func decided(
        _ parent: Token, _ packetID: UInt16, _ verdict: PublishVerdict,
        in context: inout ShardContext
    ) {
        guard context.wire.contains(parent), context.wire[parent.slot].phase == .open else {
            return
        }
        context.wire[parent.slot].settings.unanswered.decide(packetID, relayed: verdict)
        answerDue(parent, in: &context)
    }

    /// A message to the child, which it has been charged for, goes on to its parent.
    private mutating func deliver(
        _ publish: borrowing Publish, of token: Token, in context: inout ShardContext
    ) {
        let parent = context.children[token.slot].parent
        // What is not answered, the child's session has still.
        guard context.wire.contains(parent), context.wire[parent.slot].phase == .open,
            let session = context.wire[parent.slot].session
        else { return }
        if let packetID = publish.packetID {
            Puback.encode(
                packetID: packetID, version: .v5,
                into: &context.children[token.slot].output)
            context.children.flushLater(token)
        }
        let message = OutboundMessage(publish, topic: publish.topic, at: context.now.books)
        let terms = DeliveryTerms(
            qos: publish.qos, isRetained: publish.isRetained, isCounted: false)
        var shared: Message?
        _ = deliver(session, message, terms, sharing: &shared, in: &context)
    }

    // MARK: The end

    /// The child's connection has ended, or never was one: the parent is told, also of what it has published since.
    private mutating func endLink(_ token: Token, in context: inout ShardContext) {
        let slot = token.slot
        let parent = context.children[slot].parent
        let text = Self.call(context.children[slot].request) + context.children[slot].names + ","
        let phase = context.children[slot].phase
        let reason =
            context.children[slot].ending ?? (phase == .detaching ? .disconnected : .connectionLost)
        let unanswered = context.children[slot].unanswered
        context.dropLink(token)
        mayServeHeldPublishers()
        guard context.wire.contains(parent), context.wire[parent.slot].phase == .open else {
            return
        }
        let isRejected =
            (phase == .connecting || phase == .subscribing) && reason != .disconnected
        notify(
            parent.slot, isRejected ? "children/rejected" : "children/detached",
            "{\(text)\(Self.words(of: reason))}", in: &context)
        for packetID in unanswered {
            decided(parent, packetID, .refused(.topicNotAllowed), in: &context)
        }
    }
}

extension ShardContext {
    /// Reads once from a link's socket. False when the child's connection has closed its end.
    fileprivate mutating func read(_ slot: UInt32, into arrived: inout ByteBuffer) -> Bool {
        let socket = children[slot].descriptor.socket
        var isOpen = true
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: Wire.readBytes) {
                region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe socket.receive(into: region) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .closed:
                    isOpen = false
                    return 0
                }
            }
        } catch {
            isOpen = false
        }
        return isOpen
    }
}

extension Reason {
    /// The reason that a packet of the gateway's own names by its code and its text.
    fileprivate init(told code: ReasonCode, _ text: Span<UInt8>?) {
        let text = text?.text
        self =
            Reason.allCases.first { $0.reasonCode == code && $0.text == text }
            ?? .connectionLost
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
