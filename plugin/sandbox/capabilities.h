// The calling thread's capabilities (capabilities(7)). Owner: none. Threads: any, each its own.
#pragma once

namespace plugin {

/// Lets go of all, but user 0 keeps CAP_DAC_OVERRIDE, as coturn's threads do: root is master of root's files in any
/// case, and without it another user's file would be refused when it is opened again. False: errno says why some are
/// left.
bool drop_thread_capabilities();

}  // namespace plugin
