"""Amazon's questionnaire: answers drafted from live evidence, written and approved by people, exported [3]."""

from strongroom.assurance.questionnaire.answers import Answers, Shown
from strongroom.assurance.questionnaire.question import Answer, Draft, Form, Question, questions

__all__ = ["Answer", "Answers", "Draft", "Form", "Question", "Shown", "questions"]
