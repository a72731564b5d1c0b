# What the suites in node have in common.
set(NODE_SUPPORT ${PROJECT_SOURCE_DIR}/tests/support/js)

# node_test(NAME TIMEOUT LABELS COMMAND...): with the packages, and this build's programs.
function(node_test name timeout labels)
  add_test(NAME ${name} COMMAND ${ARGN})
  set(supp ${PROJECT_SOURCE_DIR}/coturn-patches)
  set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED node_modules TIMEOUT ${timeout}
    LABELS "${labels}" ENVIRONMENT
    "TURNBROKER_BUILD=${CMAKE_BINARY_DIR};LSAN_OPTIONS=suppressions=${supp}/lsan.supp:print_suppressions=0;TSAN_OPTIONS=suppressions=${supp}/tsan.supp:print_suppressions=0")
endfunction()
