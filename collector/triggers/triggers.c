#include "collector/triggers/triggers.h"

/* Titles are abridged from the regulation and from its DigiChina translation. */
static const struct clause clauses[] = {
	{"3(1)", "An information service with public-opinion properties goes online, or adds such functions",
	 "具有舆论属性或社会动员能力的信息服务上线，或者信息服务增设相关功能", clause_3_1_judge},
	{"3(5)", "A cyberspace or public-security body at prefecture level or above notifies in writing",
	 "地市级以上网信部门或者公安机关书面通知需要进行安全评估", clause_3_5_judge},
};

const struct clause *clause_at(size_t index)
{
	return index < sizeof clauses / sizeof clauses[0] ? &clauses[index] : NULL;
}
