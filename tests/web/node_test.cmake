# What the suites in node have in common.
set(NODE_SUPPORT ${PROJECT_SOURCE_DIR}/tests/support/js)

# node_test(NAME TIMEOUT LABELS COMMAND...): with the packages, and this build's programs.
function(node_test name timeout labels)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED node_modules TIMEOUT ${timeout}
    LABELS "${labels}" ENVIRONMENT "TURNBROKER_BUILD=${CMAKE_BINARY_DIR}")
endfunction()
