/// What tables are made of: who opens one writes its records and keys.
@_exported public import Encoding
