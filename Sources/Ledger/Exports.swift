/// The words in which the books are asked and answered.
@_exported public import LedgerModel
