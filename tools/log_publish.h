/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_PUBLISH_H
#define LOG_PUBLISH_H

#include "verb.h"

/* `datapipe log publish`: lines of JSON become events of a topic. */
extern const struct verb log_publish;

#endif /* LOG_PUBLISH_H */
