internal import Bytes
internal import Cryptography
internal import Linux
internal import MQTT
internal import Reactor
internal import TLS
internal import Telemetry

extension LoadLoop {
    /// Connects the client, whose connection was due then.
    mutating func begin(_ slot: UInt32, due: Int64) {
        clients[slot: slot].due = due
        clients[slot: slot].stage = .connecting
        do throws(Errno) {
            let descriptor = try SocketHandle.connect(
                to: plan.server, from: source(clients[slot: slot].number))
            // One message at a time is sent at once anyway.
            if !plan.scenario.leavesAtOnce { try descriptor.socket.disableDelay() }
            clients[slot: slot].adopt(descriptor)
        } catch {
            return fail(slot, .unreachable(error))
        }
        schedule(slot, seconds: plan.timeoutSeconds)
        // On the loopback the connection is there already, mostly: then what comes first is sent, and no wait is asked
        // for. Where it is not yet, the socket takes nothing, and tells when it does.
        startTalking(slot)
        guard clients[slot: slot].hasDescriptor else { return }
        let waits = !clients[slot: slot].rest.isEmpty
        clients[slot: slot].isWatchingWrites = waits
        let token = Token(slot: slot, generation: clients[slot: slot].generation)
        do throws(Errno) {
            try epoll.add(
                clients[slot: slot].handle.rawValue, interest: waits ? [.read, .write] : [.read],
                userData: token.rawValue)
        } catch {
            fail(slot, .unreachable(error))
        }
    }

    private func source(_ number: Int) -> SocketAddress? {
        guard plan.sourceAddresses > 0 else { return nil }
        let offset = UInt32(number % plan.sourceAddresses)
        return SocketAddress(IPAddress(ipv4: 0x7F00_0002 + offset), port: 0)
    }

    /// TCP's attempt has ended, well or not.
    mutating func finishConnecting(_ slot: UInt32) {
        do throws(Errno) {
            if let code = try clients[slot: slot].handle.pendingError() {
                fail(slot, .unreachable(code))
            }
        } catch {
            fail(slot, .unreachable(error))
        }
    }

    /// Sends the first message of TLS, of the WebSocket or of MQTT.
    private mutating func startTalking(_ slot: UInt32) {
        guard let context else { return secured(slot) }
        clients[slot: slot].stage = .securing
        let number = clients[slot: slot].number
        do throws(TLSError) {
            clients[slot: slot].session = try TLSSession(
                connecting: context, serverName: plan.transport.serverName,
                resuming: resumption(slot), showing: certificates?[number])
            clear.removeAll()
            _ = try clients[slot: slot].session?.receive(
                Span(), through: &port, into: &clear, output: &enciphered)
        } catch {
            return fail(slot, .tls("\(error)"))
        }
        sendEnciphered(slot)
    }

    /// TLS is there, or there is none: what comes next can be sent.
    mutating func secured(_ slot: UInt32) {
        if clients[slot: slot].session?.isResumed == true { meters.counts.add(to: .resumed) }
        guard let webSocket = plan.transport.webSocket else { return greet(slot) }
        clients[slot: slot].stage = .upgrading
        outbound.append(utf8: "GET \(webSocket.path) HTTP/1.1\r\nHost: \(webSocket.host)\r\n")
        outbound.append(utf8: "Upgrade: websocket\r\nConnection: Upgrade\r\n")
        outbound.append(utf8: "Sec-WebSocket-Key: \(ClientFrame.key)\r\n")
        outbound.append(utf8: "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
        sendClear(slot)
    }

    mutating func greet(_ slot: UInt32) {
        clients[slot: slot].stage = .greeting
        introduction.append(clients[slot: slot].number, to: &outbound)
        flush(slot)
    }

    /// Reads the answer to the WebSocket's handshake (RFC 6455, 4.1). False when there is nothing more to do.
    mutating func takeUpgrade(_ slot: UInt32) -> Bool {
        let answer = ClientFrame.answer(in: clients[slot: slot].frames.span)
        switch answer {
        case .incomplete: return false
        case .refused(let text):
            fail(slot, .webSocketRefused(text))
            return false
        case .accepted(let count):
            clients[slot: slot].frames.removeFirst(count)
            greet(slot)
            return clients[slot: slot].hasDescriptor
        }
    }

    /// Moves the content of the whole frames to `unwrapped`.
    mutating func takeFrames(_ slot: UInt32) {
        var frames = ByteBuffer()
        swap(&frames, &clients[slot: slot].frames)
        while clients[slot: slot].hasDescriptor {
            switch ClientFrame.next(in: frames.span) {
            case .incomplete:
                swap(&frames, &clients[slot: slot].frames)
                return
            case .broken(let text): fail(slot, .wrongAnswer(text))
            case .frame(let kind, let head, let total):
                take(slot, kind, frames.span.extracting(head..<total))
                frames.removeFirst(total)
            }
        }
    }

    private mutating func take(_ slot: UInt32, _ kind: ClientFrame.Kind, _ content: Span<UInt8>) {
        switch kind {
        case .continuation, .binary: unwrapped.append(content)
        case .ping:
            outbound.append(content)
            frame(.pong)
            sendClear(slot)
        case .pong: break
        case .close: fail(slot, .closed(clients[slot: slot].stage))
        }
    }

    /// The client was let in.
    mutating func connected(_ slot: UInt32, at instant: Int64) {
        let latency = UInt64(max(0, instant - clients[slot: slot].due))
        meters.counts.add(to: .opened)
        clients[slot: slot].stage = .up
        keepResumption(slot)
        if plan.scenario.leavesAtOnce {
            meters.requests.record(latency)
            meters.counts.add(to: .done)
            leave(slot)
            settled += 1
            vacant.append(slot)
            return
        }
        timers.cancel(slot)
        scheduleKeepAlive(slot)
        if phase == .opening {
            meters.openings.record(latency)
            meters.counts.add(to: .prepared)
            settled += 1
            return
        }
        if plan.scenario == .storm {
            meters.requests.record(latency)
            meters.counts.add(to: .done)
            awaited -= 1
        } else if phase == .running {
            meters.openings.record(latency)
            if sendsUnasked { watch(slot, writes: true) } else { pump(slot) }
        }
    }

    private mutating func keepResumption(_ slot: UInt32) {
        guard plan.transport.isResuming, let fresh = clients[slot: slot].session?.resumption
        else { return }
        guard let certificates else { return clients[slot: slot].resumption = fresh }
        resumptions[certificates.index(clients[slot: slot].number)] = fresh
    }

    /// The earlier session that the client may take up: one of the same certificate, as the server knows it by that.
    private func resumption(_ slot: UInt32) -> TLSResumption? {
        guard let certificates else { return clients[slot: slot].resumption }
        return resumptions[certificates.index(clients[slot: slot].number)]
    }

    /// Says goodbye, and closes.
    mutating func leave(_ slot: UInt32) {
        Disconnect.encode(version: plan.version, into: &outbound)
        flush(slot)
        end(slot)
    }

    /// Closes with a reset, so that no port stays behind for a minute.
    mutating func end(_ slot: UInt32) {
        timers.cancel(slot)
        if clients[slot: slot].stage == .up { meters.counts.add(to: .ended) }
        if clients[slot: slot].hasDescriptor {
            try? clients[slot: slot].handle.resetOnClose()
        }
        if clients[slot: slot].inflight > 0 {
            underWay -= clients[slot: slot].inflight
            let first = Int(slot) * (ringMask + 1)
            for place in first...first + ringMask { dueTimes[place] = 0 }
        }
        outbound.removeAll()
        clients[slot: slot].close()
    }

    /// The client's connection has ended, or was never there.
    mutating func fail(_ slot: UInt32, _ failure: LoadFailure) {
        guard clients[slot: slot].stage != .vacant else { return }
        let wasUp = clients[slot: slot].stage == .up
        let unanswered = clients[slot: slot].inflight
        if wasUp, phase == .draining, clients[slot: slot].awaitsPong { awaited -= 1 }
        end(slot)
        if plan.scenario == .storm, phase == .running {
            meters.counts.add(to: .turnedAway)
            if wasUp { awaited += 1 }
            return rest(slot)
        }
        count(failure)
        count(.unanswered, times: unanswered)
        if plan.scenario.leavesAtOnce {
            settled += 1
            vacant.append(slot)
        } else if phase == .opening {
            settled += 1
        } else if plan.scenario == .soak, phase == .running {
            clients[slot: slot].due = now
            rest(slot)
        }
    }

    /// Has the client try again within a second.
    private mutating func rest(_ slot: UInt32) {
        clients[slot: slot].stage = .resting
        schedule(slot, seconds: Double.random(in: 0.1...1))
    }
}
