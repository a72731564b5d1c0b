system_test(exact 900)
# The ledger is read as the file it is, not through the code that wrote it.
find_package(SQLite3 REQUIRED)
target_link_libraries(exact-tests PRIVATE SQLite::SQLite3)
