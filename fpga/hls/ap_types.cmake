# The open ap_types headers, with which g++ runs a kernel: pip fetches the package that has
# them, pinned and checked by its hash, into the build directory, once; nothing of it is
# installed, and nothing goes into the repository. SPARSED_AP_TYPES may name a folder that is
# there already. Without them everything else is built, and tests of kernels are skipped.
set(SPARSED_AP_TYPES "" CACHE PATH "Folder of ap_fixed.h, ap_int.h, hls_stream.h; empty: fetched")
set(sparsed_ap_types ${SPARSED_AP_TYPES})
if(NOT sparsed_ap_types)
  set(fetched ${CMAKE_BINARY_DIR}/ap_types)
  set(sparsed_ap_types ${fetched}/hls4ml/templates/vivado/ap_types)
  if(NOT EXISTS ${sparsed_ap_types}/ap_fixed.h)
    message(STATUS "Fetching the ap_types headers")
    execute_process(
      COMMAND ${SPARSED_PYTHON} -m pip download --quiet --disable-pip-version-check --retries 1
              --timeout 10 --no-deps --require-hashes --dest ${fetched}
              --requirement ${CMAKE_CURRENT_LIST_DIR}/requirements.txt
      RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_QUIET)
    file(GLOB wheel ${fetched}/hls4ml-*.whl)
    if(NOT failed AND wheel)
      file(ARCHIVE_EXTRACT INPUT ${wheel} DESTINATION ${fetched} PATTERNS "hls4ml/templates/vivado/*")
      file(REMOVE ${wheel})
    else()
      string(STRIP "${said}" said)
      string(REGEX REPLACE ".*\n" "" said "${said}")
      message(STATUS "No ap_types headers, so no C simulation of kernels: ${said}")
    endif()
  endif()
endif()
if(NOT EXISTS ${sparsed_ap_types}/ap_fixed.h)
  set(sparsed_ap_types "")
endif()
