/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_DATAPIPE_H
#define DATAPIPE_DATAPIPE_H

/**
 * @file
 * Everything that programs need; authors of sinks add datapipe/ext/sink.h.
 */

#include <datapipe/alloc.h>
#include <datapipe/bytes.h>
#include <datapipe/codec.h>
#include <datapipe/compat.h>
#include <datapipe/confluent.h>
#include <datapipe/event.h>
#include <datapipe/evolution.h>
#include <datapipe/export.h>
#include <datapipe/hub.h>
#include <datapipe/message.h>
#include <datapipe/pipeline.h>
#include <datapipe/publisher.h>
#include <datapipe/recovery.h>
#include <datapipe/registry.h>
#include <datapipe/router.h>
#include <datapipe/runtime.h>
#include <datapipe/sink.h>
#include <datapipe/status.h>
#include <datapipe/time.h>
#include <datapipe/version.h>

#endif /* DATAPIPE_DATAPIPE_H */
