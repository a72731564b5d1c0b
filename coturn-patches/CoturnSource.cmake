# coturn_fetch(DEST [fetch-coturn options...]): runs scripts/fetch-coturn when DEST is missing or older
# than what it is made of, and makes CMake run again when any of that changes.
get_filename_component(COTURN_FETCH ${CMAKE_CURRENT_LIST_DIR}/../scripts/fetch-coturn ABSOLUTE)
file(GLOB COTURN_PATCHES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.patch)
set(COTURN_INPUTS ${COTURN_PATCHES}
  ${CMAKE_CURRENT_LIST_DIR}/series
  ${CMAKE_CURRENT_LIST_DIR}/COTURN_VERSION
  ${CMAKE_CURRENT_LIST_DIR}/include/turn_plugin.h
  ${COTURN_FETCH})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${COTURN_INPUTS})

function(coturn_fetch dest)
  set(stamp "${ARGN}")
  foreach(input IN LISTS COTURN_INPUTS)
    file(SHA256 ${input} hash)
    string(APPEND stamp "${input} ${hash}\n")
  endforeach()
  set(stamp_file ${dest}.stamp)
  if(EXISTS ${dest} AND EXISTS ${stamp_file})
    file(READ ${stamp_file} old)
    if(old STREQUAL stamp)
      return()
    endif()
  endif()
  set(options ${ARGN})
  if(COTURN_TARBALL)
    list(APPEND options --tarball ${COTURN_TARBALL})
  endif()
  message(STATUS "Fetching and patching coturn into ${dest}")
  # Into a second directory first: a file that a patch did not change keeps its time, so that changing
  # one patch does not compile everything again.
  execute_process(
    COMMAND ${COTURN_FETCH} ${options} ${dest}.new
    RESULT_VARIABLE result ERROR_VARIABLE error OUTPUT_QUIET)
  if(NOT result EQUAL 0)
    string(STRIP "${error}" error)
    message(FATAL_ERROR "${error}")
  endif()
  if(EXISTS ${dest})
    coturn_keep_times(${dest} ${dest}.new)
  endif()
  file(REMOVE_RECURSE ${dest})
  file(RENAME ${dest}.new ${dest})
  file(WRITE ${stamp_file} "${stamp}")
endfunction()

# Gives every file of `new` that equals its namesake in `old` the time of that one.
function(coturn_keep_times old new)
  file(GLOB_RECURSE files RELATIVE ${new} ${new}/src/*)
  foreach(file IN LISTS files)
    if(EXISTS ${old}/${file})
      file(SHA256 ${old}/${file} before)
      file(SHA256 ${new}/${file} after)
      if(before STREQUAL after)
        execute_process(COMMAND touch -r ${old}/${file} ${new}/${file})
      else()
        file(TOUCH ${new}/${file})
      endif()
    else()
      file(TOUCH ${new}/${file})
    endif()
  endforeach()
endfunction()
