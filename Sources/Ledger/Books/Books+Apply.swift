public import Storage

extension Books {
    /// Carries out one command in the caller's transaction: decides first, then writes.
    ///
    /// Deterministic: the command and the books are its only input. A refusal has written nothing,
    /// except that a command with an idempotency key is remembered with its answer, done or refused
    /// (rule A8): repeated, it changes nothing and is answered as the first time. Errors are the
    /// store's; the transaction has to be aborted then.
    public func apply(
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let key = command.idempotencyKey else {
            return try carryOut(command, in: transaction)
        }
        guard Command.isValid(idempotencyKey: key) else { return .refused(.idempotencyKeyInvalid) }
        let (high, low) = command.action.digest
        let name = KeyPair(command.actor, key)
        if let answer = try answers.get(name, in: transaction) {
            guard answer.digestHigh == high, answer.digestLow == low else {
                return .refused(.idempotencyKeyReused)
            }
            return answer.outcome.again
        }
        let outcome = try carryOut(command, in: transaction)
        let answer = AnswerRecord(
            digestHigh: high,
            digestLow: low,
            at: command.at,
            outcome: outcome
        )
        try answers.put(name, answer, in: transaction)
        return outcome
    }

    private func carryOut(
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch command.action {
        case .activate(let identity, let confirmsSecret, let place):
            try activate(identity, confirmsSecret, place, command, in: transaction)
        case .activateByHand(let identity):
            try activateByHand(identity, command, in: transaction)
        case .renew(let identity, let place):
            try renew(identity, place, command, in: transaction)
        case .endEntitlement(let identity):
            try endEntitlement(identity, command, in: transaction)
        case .endExpired(let limit, let grace):
            try endExpired(limit, graceMilliseconds: grace, command, in: transaction)
        case .importing(let action):
            try carryOut(action, command, in: transaction)
        case .registerDevice(let identity, let secret):
            try registerDevice(identity, secret, command, in: transaction)
        case .importDevices(let product, let rows):
            try importDevices(product, rows, command, in: transaction)
        case .setDisabled(let identity, let isDisabled):
            try setDisabled(identity, isDisabled, command, in: transaction)
        case .deleteDevice(let identity):
            try deleteDevice(identity, command, in: transaction)
        case .setDeviceRenewal(let identity, let isOn):
            try setDeviceRenewal(identity, isOn, command, in: transaction)
        case .resetSecret(let identity, let secret):
            try resetSecret(identity, secret, command, in: transaction)
        case .confirmSecretUse(let identity, let proven):
            try confirmSecretUse(identity, proven, command, in: transaction)
        case .createAccount(let account):
            try createAccount(account, command, in: transaction)
        case .account(let action):
            try carryOut(action, command, in: transaction)
        case .createPackage(let id, let name, let allowance):
            try createPackage(id, name, allowance, command, in: transaction)
        case .createProduct(let product):
            try createProduct(product, command, in: transaction)
        case .updateProduct(let key, let update):
            try updateProduct(key, update, command, in: transaction)
        case .upgradePackage(let key, let package):
            try upgradePackage(key, package, command, in: transaction)
        case .deleteProduct(let key):
            try deleteProduct(key, command, in: transaction)
        case .purchase(let account, let package, let quantity, let product):
            try purchase(account, package, quantity, product, command, in: transaction)
        case .assign(let product, let package, let quantity):
            try assign(product, package, quantity, command, in: transaction)
        case .topUp(let action):
            try carryOut(action, command, in: transaction)
        case .upgrade(let action):
            try carryOut(action, command, in: transaction)
        case .createKey(let key):
            try createKey(key, command, in: transaction)
        case .revokeKey(let id):
            try revokeKey(id, command, in: transaction)
        case .adoptSealingKeys(let keys):
            try adoptSealingKeys(keys, command, in: transaction)
        }
    }

    /// Appends an event and counts it; the only place that does.
    func record(
        _ change: Change,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var head = try head(in: transaction)
        head.lastSequence += 1
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
