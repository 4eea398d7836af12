# Precompiled headers, one set per kind of module: a near-empty file with gRPC
# or GoogleTest headers costs seconds without them.
function(perigee_pch name library)
  file(WRITE ${CMAKE_BINARY_DIR}/pch/${name}.cc "")
  add_library(perigee_pch_${name} OBJECT ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  target_link_libraries(perigee_pch_${name} PUBLIC perigee_options ${library})
  target_precompile_headers(perigee_pch_${name} PRIVATE ${ARGN})
endfunction()

set(core_headers <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string> <string_view>
  <utility> <variant> <vector> <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/synchronization/mutex.h>)
set(proto_headers ${core_headers} <google/protobuf/message.h> <google/protobuf/map.h> <google/protobuf/repeated_field.h>
  <google/protobuf/timestamp.pb.h>)
perigee_pch(core "" ${core_headers})
perigee_pch(proto perigee_proto ${proto_headers})
if(PERIGEE_WITH_GRPC)
  perigee_pch(grpc perigee_grpc ${proto_headers} <grpcpp/grpcpp.h>)
endif()
if(PERIGEE_TESTS)
  perigee_pch(test "perigee_proto;GTest::gmock" ${proto_headers} <gmock/gmock.h> <gtest/gtest.h>)
  target_compile_options(perigee_pch_test PRIVATE -pthread)
endif()
