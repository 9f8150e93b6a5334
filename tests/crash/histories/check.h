/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_H
#define CHECK_H

#include "service.h"

/*
 * What is there after a crash. First by a look, which settles what the dead
 * left, then by the readers, if nobody else holds their partitions; the log
 * takes events before or after. s was initialized, and is to be closed.
 * power: it was lost. alone: nobody else is there. False: it died meanwhile.
 */
bool check_log(service *s, bool power, bool alone);

#endif /* CHECK_H */
