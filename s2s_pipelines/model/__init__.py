"""The words the whole program speaks: fields, money, orders, documents, changes. Pure values, no I/O."""
