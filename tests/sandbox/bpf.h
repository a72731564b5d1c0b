// Runs a seccomp filter's program on a system call, as the kernel would (seccomp(2)): also for a machine that the
// test does not run on. Knows the instructions that libseccomp writes. Owner: none. Threads: any.
#pragma once

#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

namespace bpf {

/// What the filter says of one call.
struct Answer {
  std::uint32_t action = 0;
  bool arguments_read = false;  ///< the kernel then cannot remember the answer
};

inline Answer run(const std::vector<sock_filter>& program, const seccomp_data& call) {
  Answer answer;
  std::uint32_t a = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program.at(at);
    const auto jump = [&](bool condition) { at += condition ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k + sizeof a > sizeof call) throw std::runtime_error("read beyond the call");
        std::memcpy(&a, reinterpret_cast<const char*>(&call) + step.k, sizeof a);
        answer.arguments_read |= step.k >= offsetof(seccomp_data, instruction_pointer);
        break;
      case BPF_ALU | BPF_AND | BPF_K: a &= step.k; break;
      case BPF_JMP | BPF_JA: at += step.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: jump(a == step.k); break;
      case BPF_JMP | BPF_JGT | BPF_K: jump(a > step.k); break;
      case BPF_JMP | BPF_JGE | BPF_K: jump(a >= step.k); break;
      case BPF_RET | BPF_K: answer.action = step.k; return answer;
      default: throw std::runtime_error("an instruction that is not known");
    }
  }
  throw std::runtime_error("the program does not end");
}

}  // namespace bpf
