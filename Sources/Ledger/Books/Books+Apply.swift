public import Storage

extension Books {
    /// Carries out one command in the caller's transaction: decides first, then writes.
    ///
    /// Deterministic: the command and the books are its only input. A refusal has written nothing,
    /// except that a command with an idempotency key is remembered with its answer, done or refused
    /// (rule A8): repeated, it changes nothing and is answered as the first time; but a doubted clock
    /// (rule B16) decides nothing. Errors are the store's; the transaction has to be aborted then.
    public func apply(
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let key = command.idempotencyKey else {
            return try carryOut(command, in: transaction)
        }
        guard Command.isValid(idempotencyKey: key) else {
            return .refused(.commands(.idempotencyKeyInvalid))
        }
        if let known = try answer(again: command, in: transaction) { return known }
        let (high, low) = command.action.digest
        let name = KeyPair(command.actor, key)
        let outcome = try carryOut(command, in: transaction)
        // By a clock that is doubted nothing is decided: it is asked again when the clock is right.
        if case .refused(.clock) = outcome { return outcome }
        let answer = AnswerRecord(
            digestHigh: high,
            digestLow: low,
            at: command.at,
            outcome: outcome
        )
        try answers.put(name, answer, in: transaction)
        return outcome
    }

    /// What a command is answered whose idempotency key was used before (rule A8); `nil` when it was not.
    public func answer(
        again command: Command,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Outcome? {
        guard let key = command.idempotencyKey, Command.isValid(idempotencyKey: key),
            let answer = try answers.get(KeyPair(command.actor, key), in: transaction)
        else { return nil }
        let (high, low) = command.action.digest
        guard answer.digestHigh == high, answer.digestLow == low else {
            return .refused(.commands(.idempotencyKeyReused))
        }
        return answer.outcome.again
    }

    private func carryOut(
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch command.action {
        case .devices(let action): try carryOut(action, command, in: transaction)
        case .codes(let action): try carryOut(action, command, in: transaction)
        case .products(let action): try carryOut(action, command, in: transaction)
        case .packages(let action): try carryOut(action, command, in: transaction)
        case .accounts(let action): try carryOut(action, command, in: transaction)
        case .imports(let action): try carryOut(action, command, in: transaction)
        case .topUps(let action): try carryOut(action, command, in: transaction)
        case .upgrades(let action): try carryOut(action, command, in: transaction)
        case .keys(let action): try carryOut(action, command, in: transaction)
        case .clock(let action): try carryOut(action, command, in: transaction)
        case .corrections(let action): try carryOut(action, command, in: transaction)
        case .limits(let action): try carryOut(action, command, in: transaction)
        case .productSecrets(let action): try carryOut(action, command, in: transaction)
        case .answers(let action): try carryOut(action, command, in: transaction)
        case .cluster(let action): try carryOut(action, command, in: transaction)
        case .metadata(let action): try carryOut(action, command, in: transaction)
        case .webhooks(let action): try carryOut(action, command, in: transaction)
        case .alerts(let action): try carryOut(action, command, in: transaction)
        case .authorities(let action): try carryOut(action, command, in: transaction)
        case .firmware(let action): try carryOut(action, command, in: transaction)
        case .campaigns(let action): try carryOut(action, command, in: transaction)
        }
    }

    private func carryOut(
        _ action: AnswerAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .remember(let key, let answer): try remember(answer, key, command, in: transaction)
        }
    }

    /// What a client was told (rule A8): no change of the books, and no event.
    private func remember(
        _ answer: [UInt8],
        _ key: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard Command.isValid(idempotencyKey: key), answer.count <= Self.answerMaximumLength else {
            return .refused(.commands(.idempotencyKeyInvalid))
        }
        let name = KeyPair(command.actor, key)
        if try answers.contains(name, in: transaction) {
            _ = try documents.insert(name, DocumentRecord(bytes: answer), in: transaction)
        }
        return .done(.unchanged)
    }

    /// Appends an event and counts it; the only place that does.
    func record(
        _ change: Change,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var head = try head(in: transaction)
        head.lastSequence += 1
        head.note(command.at)
        let event = Event(
            sequence: head.lastSequence,
            at: command.at,
            actor: command.actor,
            change: change
        )
        try events.put(event.sequence, event, in: transaction)
        try books.put(Self.headKey, head, in: transaction)
        return .changed(change)
    }

    func head(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> BooksRecord {
        try books.get(Self.headKey, in: transaction) ?? BooksRecord(lastSequence: 0, nextSerial: 1)
    }

    static var headKey: UInt32 { 1 }
}

extension Outcome {
    /// What the same command is answered the next time.
    fileprivate var again: Outcome {
        switch self {
        case .done(let effect), .repeated(let effect): .repeated(effect)
        case .refused: self
        }
    }
}
